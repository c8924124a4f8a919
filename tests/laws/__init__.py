"""The laws of DESIGN 3, over random histories and under adversity."""
