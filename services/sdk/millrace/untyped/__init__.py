"""Calls without types, for services that still write their paths by hand."""
