"""Language grounding for robots: an image and an instruction in; answer, relevance map and regions out."""

from pkgutil import extend_path

# The interfaces (viper_ros.msg, .srv, .action) are generated into another folder of this name: both are one package.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
