"""What a data set is like before anything is trained on it: classes, copies, outliers, and a report that shows them."""
