"""`python -m products.locks`."""

from chassis import logs
from chassis.runtime import serve
from chassis.settings import read
from products.locks.app import compose
from products.locks.settings import Settings

if __name__ == "__main__":
    settings = read(Settings)
    logs.setup("lock_vendor")
    serve(lambda: compose(settings))
