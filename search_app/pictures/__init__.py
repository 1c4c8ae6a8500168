"""Pages that show what a collection's vectors look like: what a worker found, as far as it is live and readable now."""
