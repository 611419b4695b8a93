"""What is known of a dataset, gathered once and told in the forms that people ask for."""
