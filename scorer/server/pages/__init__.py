"""The tournament's web page: pages that the server renders whole, and the small scripts that add to them."""
