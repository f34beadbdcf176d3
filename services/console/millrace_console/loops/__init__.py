"""One loop: its story as a picture, what it was judged by, who serves, and what happens next."""
