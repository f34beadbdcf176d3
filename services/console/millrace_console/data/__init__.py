"""The data of a loop: what it must be, which versions there are, and what was refused."""
