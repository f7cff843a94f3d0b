#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""browse_report FILE [SHOTS]: opens a report in HTML in Chromium at three sizes and in both colour schemes, and sorts
and filters its table by keyboard. Fails if something is logged as an error, if the page asks for anything but itself,
if a name was taken for HTML, or if the page is wider than the screen. With SHOTS, keeps pictures of it in this folder.
Needs Debian's chromium-driver, and selenium of PyPI."""

import json
import pathlib
import sys
import time

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

SIZES = [(360, 740), (820, 1180), (1440, 900)]


def check(is_so, what):
    if not is_so:
        sys.exit(f"browse_report: {what}")


def browser():
    options = webdriver.ChromeOptions()
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def texts(driver, column):
    return [cell.text for cell in driver.find_elements(By.CSS_SELECTOR, f".lines tbody td:nth-child({column})")]


def numbers(driver, column):
    return [int(text.replace(",", "")) for text in texts(driver, column)]


def use_table(driver):
    """Sorts and filters by keyboard alone."""
    data = json.loads(driver.find_element(By.CSS_SELECTOR, ".data").get_attribute("textContent"))
    shown = min(200, len(data))
    check(len(texts(driver, 1)) == shown, f"the table has {len(texts(driver, 1))} rows instead of {shown}")
    check(numbers(driver, 1) == sorted((row[3] for row in data), reverse=True)[:shown], "not sorted by bytes")
    heads = driver.find_elements(By.CSS_SELECTOR, ".lines th button")
    heads[1].send_keys(Keys.ENTER)
    check(numbers(driver, 2) == sorted((row[4] for row in data), reverse=True)[:shown], "not sorted by count")
    heads[1].send_keys(Keys.SPACE)
    check(numbers(driver, 2) == sorted(row[4] for row in data)[:shown], "not sorted by count, ascending")
    check(driver.find_elements(By.CSS_SELECTOR, "th[aria-sort=ascending]") != [], "the order is not told")
    if data:
        field = driver.find_element(By.CSS_SELECTOR, ".filter")
        field.send_keys(data[0][0])
        check(set(texts(driver, 4)) == {f"{row[0]}:{row[1]}" for row in data if data[0][0].lower() in row[0].lower()}
              or len(data) > 200, "the filter shows other lines")
        field.send_keys("no line has this")
        check(texts(driver, 1) == [], "the filter shows lines that it should not")
        field.clear()
        field.send_keys(Keys.BACKSPACE)


def main():
    report = pathlib.Path(sys.argv[1]).resolve()
    shots = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else None
    driver = browser()
    try:
        for scheme in ["light", "dark"]:
            for width, height in SIZES:
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia",
                                       {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
                metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
                driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                began = time.monotonic()
                driver.get(report.as_uri())
                opened = time.monotonic() - began
                page_width = driver.execute_script("return document.documentElement.scrollWidth")
                check(page_width <= width, f"the page is {page_width} wide on a screen of {width}")
                color = driver.execute_script("return getComputedStyle(document.body).backgroundColor")
                check((color == "rgb(255, 255, 255)") == (scheme == "light"), f"{color} in the {scheme} scheme")
                check(driver.execute_script("return window.attacked") is None, "a name was run as a script")
                check(driver.find_elements(By.CSS_SELECTOR, "img, iframe, article script:not(.data)") == [],
                      "a name became an element")
                print(f"{scheme}, {width} x {height}: opened in {opened:.2f} s")
                if shots:
                    shots.mkdir(parents=True, exist_ok=True)
                    driver.save_screenshot(str(shots / f"report-{scheme}-{width}.png"))
        use_table(driver)
        errors = [entry for entry in driver.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
        check(errors == [], f"the browser logged {errors}")
        for entry in driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                address = message["params"]["request"]["url"]
                check(address == report.as_uri() or address.startswith("data:"), f"the page asked for {address}")
    finally:
        driver.quit()


main()
