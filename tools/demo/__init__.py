"""`make demo`: the firmware on the virtual board hears words and names them."""
