"""What `compare.py` is made of: workloads, peers, the clock, rows, and reports."""
