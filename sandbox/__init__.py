"""The rehearsal world: plays the model, WordPress, a mail server and three client websites, with faults on request.

A process of its own on loopback (`python -m sandbox --port P --smtp-port M`). The product knows it only as addresses
in its environment.
"""
