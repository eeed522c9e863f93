"""What the programs know about AWS: access, state, cost. Nothing here is needed for a database elsewhere."""
