"""The scheduling loop: events to the scheduler, orders to the nodes."""
