from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("blog-requests", views.BlogRequestViewSet, basename="blog-request")
router.register("blog-posts", views.BlogPostViewSet, basename="blog-post")
urlpatterns = router.urls
