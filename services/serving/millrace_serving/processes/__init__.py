"""Own the processes of the data plane: start, adopt, watch, end."""
