"""The six frames in which the product is entered: portal, API, admin, task, command, signed link.

Each understands who asks, enters the tenant scope, and phrases refusals in its own way. Nothing else enters a scope.
"""
