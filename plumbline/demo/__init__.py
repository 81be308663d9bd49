"""The demo site: a believable day at Harbour East, told by devices that are simulated behind the real interfaces.

Scanners and a satellite receiver are pseudo-terminals, sensors and phones publish on the gateway's broker, the gate camera is
a folder in which pictures of labels appear, orders are posted to the API as an ERP would, and the gateways are real agents,
each in a process of its own. Nothing of the product knows that it is a demo.

    orders.py   what the office ordered           story.py     the day, minute by minute
    walks.py    where people and machines are     devices.py   scanners, receiver, sensors, camera
    link.py     a network link that can be cut    gateways.py  the agents' configuration and processes
    stage.py    puts it all together
"""
