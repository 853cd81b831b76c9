"""The main job, run on a real stack and checked hop by hop.

`world` sets the scene (tenant, members, devices, the customer's webhook receiver), `journey` plays it, `hops` watches one
trace pass through all processes, `checks` says what held, `view` shows it.
"""
