"""What a person changes from a page: asked twice, against forgery, with their own rights."""
