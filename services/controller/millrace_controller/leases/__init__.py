"""One replica at a time does what only one may do, and its writes prove that it still is the one."""
