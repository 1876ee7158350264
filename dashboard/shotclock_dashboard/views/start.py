"""The address without a page's name. Streamlit gives the default page no address of its own, so this one only leads on."""

import streamlit as st

st.switch_page("shotclock_dashboard/views/quality.py", query_params=st.query_params.to_dict())
