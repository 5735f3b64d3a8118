from .image_cache import ImageCache

__all__ = ['ImageCache']
