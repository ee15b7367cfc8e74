"""Wiring: start listening and print what is heard. Try it with `mpremote run py_app/main.py`.

Its modules (app, detector, settings) are in the board's ROM file system; a copy of one in /flash is used
instead of it. After Ctrl-C the app goes on listening: `mpremote resume repl`, then `app.stats()`.
"""

from app import App

app = App()
app.start()
print("listening for", " ".join(app.threshold))
app.follow()
