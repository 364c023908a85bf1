"""The systems that the paper compares with (Table 1)."""
