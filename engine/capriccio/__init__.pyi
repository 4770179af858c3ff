from typing import Final

from .canvas.canvas import Canvas as Canvas
from .canvas.layers import layers as layers
from .canvas.pixels import skia_image as skia_image
from .canvas.strokes import rasterise as rasterise
from .clock import Moment as Moment
from .devices.midi.controls import controls as controls
from .devices.video.camera import camera as camera
from .devices.video.frames import write_image as write_image
from .devices.video.keys import keys as keys
from .devices.video.mouse import mouse as mouse
from .devices.video.movie import movie as movie
from .devices.video.picture import picture as picture
from .errors import ModelError as ModelError
from .errors import PartError as PartError
from .errors import ProviderError as ProviderError
from .errors import ShowError as ShowError
from .hookspecs import hookimpl as hookimpl
from .image_io import image_files as image_files
from .image_io import open_image as open_image
from .image_io import read_image as read_image
from .media import Note as Note
from .media import Stroke as Stroke
from .media import as_image as as_image
from .media import as_mixture as as_mixture
from .media import fit as fit
from .midi_ports import midi_library as midi_library
from .models.model import Model as Model
from .notebook import show as show
from .parameters import Gauge as Gauge
from .parameters import Parameter as Parameter
from .parts import Analyzer as Analyzer
from .parts import Generator as Generator
from .parts import Input as Input
from .parts import Knob as Knob
from .parts import Output as Output
from .performance import Performance as Performance
from .registry import analyzer as analyzer
from .registry import generator as generator
from .registry import generator_class as generator_class
from .registry import microphone as microphone
from .registry import output as output
from .sketch import Sketch as Sketch
from .supervision import SupervisedProcess as SupervisedProcess
from .svg import as_svg as as_svg

__version__: Final[str]
