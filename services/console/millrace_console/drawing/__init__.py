"""Pictures as SVG, made on the server: read without a script, coloured by the page's style in light and dark."""
