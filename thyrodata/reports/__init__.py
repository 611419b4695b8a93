"""Reports for people: pictures and pages drawn from records."""
