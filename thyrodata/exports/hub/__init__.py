"""The tree of a dataset on the Hugging Face Hub: its shards, and what tells of them."""
