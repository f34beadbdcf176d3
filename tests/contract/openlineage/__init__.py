"""What a receiver of OpenLineage events takes: the specification's rules, and a server that holds events to them."""
