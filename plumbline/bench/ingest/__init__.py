"""`plumbline bench ingest`: ingest beside what InfluxDB itself can take, and beside two peers on the same messages.

Everything is real and started here: Mosquitto, InfluxDB, `plumbline ingest run`, Node-RED, a naive Python program, each a
process on a free loopback port with a folder of its own. This process prepares what is sent and watches from outside.

load       what the gateways send, made as an agent makes it, and the same as ready-made lines
packets    the messages as MQTT packets in a file; publisher: the process that sends them
servers    Mosquitto and InfluxDB; postgresql: PostgreSQL, for several workers
consumers  ingest and the peers: how each is started
watch      how far a consumer is, and what the processes took meanwhile
parts      one measurement each
requests   ready-made requests in files; sustained: InfluxDB for longer than it can put off its own work
shared     several workers of ingest on one subscription
goals      what the figures are held against
run        the parts in order, and one table of all
"""
