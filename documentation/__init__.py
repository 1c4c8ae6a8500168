"""What makes the pages of docs/: reference pages from the code, pictures of a running site, checks of what is built."""
