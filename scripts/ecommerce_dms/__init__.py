"""What the programs in scripts/ share: settings, connections, the embedded server, roles, checks.

A program that is started with a Python without the packages goes on in .venv, or says how to get them.
"""

from ecommerce_dms import virtual_environment

virtual_environment.borrow()
