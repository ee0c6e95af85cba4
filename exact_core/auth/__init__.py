"""People and what they may do: passwords, sessions, tokens, teams, rights, the access snapshot."""
