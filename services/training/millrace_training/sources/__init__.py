"""Reading rows from where they live; a new kind of source is one file here, and its declaration in the contracts."""
