"""Where the agent keeps what has to outlast it: data_dir on its disk, or RAM while that disk fails.

settle.py   which of the two at a start, and the way back          refuge.py   the folder in RAM, and bringing it back
watch.py    opening the journal on a thread that may hang          late.py     small files that are in RAM until the disk is there
mounts.py   whether the disk of data_dir is mounted at all
"""
