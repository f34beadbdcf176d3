"""What pages load: a style, a script of ours and htmx, whose bytes are pinned by a test."""
