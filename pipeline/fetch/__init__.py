"""Repositories over the network: politely, within limits, and with faults as a normal part of the day."""
