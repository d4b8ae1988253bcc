"""The arithmetic behind the Learn page: layers small enough to be looked at number by number."""
