from rest_framework.routers import SimpleRouter

from . import views

router = SimpleRouter()
router.register("blog-requests", views.BlogRequestViewSet, basename="blog-request")
router.register("blog-posts", views.BlogPostViewSet, basename="blog-post")
router.register("social-media-requests", views.SocialMediaRequestViewSet, basename="social-media-request")
router.register("social-posts", views.SocialPostViewSet, basename="social-post")
urlpatterns = router.urls
