"""What operators do with cards and devices: units of work of the group commit. Each refuses with a `Refusal`."""

from . import lookup as lookup
from .cards import bind as bind
from .cards import open_swap as open_swap
from .cards import require_first as require_first
from .cards import resume as resume
from .cards import retire as retire
from .cards import set_sim_key as set_sim_key
from .cards import suspend as suspend
from .cards import unbind as unbind
from .devices import enrol as enrol
from .devices import imei_number as imei_number
from .devices import revoke as revoke
from .devices import set_imei2 as set_imei2
from .endorsed import check_log as check_log
from .endorsed import import_entries as import_entries
from .importing import IMPORT_CHUNK as IMPORT_CHUNK
from .importing import Checked as Checked
from .importing import add_cards as add_cards
from .importing import check_import as check_import
from .views import history as history
from .views import list_cards as list_cards
from .views import list_devices as list_devices
from .views import show_card as show_card
from .views import show_device as show_device
