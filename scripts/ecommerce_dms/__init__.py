"""What the programs in scripts/ share: settings, connections, the embedded server, roles, checks."""
