"""WordPress as its REST API handbook describes it, and the site a reader would see."""
