"""A client for test_wire_mqtt to kill: `mqtt_victim.py URL TOPIC BOOT` connects and waits."""

import sys
import threading

from watchkeep.wire.shell.mqtt import MqttClient

url, topic, boot = sys.argv[1:]
client = MqttClient(url, client_id="victim", will=(topic, f"offline {boot}".encode()), birth=lambda: [(topic, f"online {boot}".encode())])
client.start()
threading.Event().wait()
