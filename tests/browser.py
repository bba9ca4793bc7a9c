"""What a person does with a page in Chromium, and sees of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

if TYPE_CHECKING:
    from selenium.webdriver import Chrome
    from selenium.webdriver.remote.webelement import WebElement

# Of what is replaced, hidden or covered at the moment, and is looked for once more.
PASSING = (
    *(ElementClickInterceptedException, ElementNotInteractableException),
    *(NoSuchElementException, StaleElementReferenceException),
)


class Page:
    """A page whose elements may be replaced at any moment: what is done to one is tried again."""

    def __init__(self, browser: Chrome, patience: float = 60) -> None:
        self.browser, self.patience = browser, patience  # seconds

    def begin(self, address: str, language: str) -> None:
        """Open a page in a language, with nothing else remembered by the browser."""
        self.browser.get(address)
        self.script("localStorage.clear()")
        self.script("localStorage.setItem('guided-language', arguments[0])", language)
        self.browser.get_log("browser")
        # Reloaded and not left: another process of the browser may still read what was stored
        # before.
        self.browser.refresh()

    def wait(self, happens: Callable[[], Any]) -> Any:
        """Return the first result of a function that is true, within the page's patience."""
        return WebDriverWait(self.browser, self.patience, 0.02, PASSING).until(lambda _: happens())

    def one(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def script(self, code: str, *arguments: object) -> Any:
        return self.browser.execute_script(f"return {code}", *arguments)

    def act(self, selector: str, action: Callable[[WebElement], object]) -> None:
        """Do something to an element once it is there; again if it was replaced meanwhile."""

        def done() -> bool:
            action(self.one(selector))
            return True

        self.wait(done)

    def click(self, selector: str) -> None:
        """Click as a person does, once nothing covers the element; scrolls to it first."""

        def click(node: WebElement) -> None:
            self.script("arguments[0].scrollIntoView({block: 'center'})", node)
            node.click()

        self.act(selector, click)

    def type(self, selector: str, *keys: str) -> None:
        self.act(selector, lambda node: node.send_keys(*keys))

    def clear(self, selector: str) -> None:
        """Delete a field's text by keys: WebDriver's own clearing tells the page of no input."""
        self.type(selector, Keys.CONTROL + "a" + Keys.NULL + Keys.DELETE)

    def select(self, selector: str, value: str) -> None:
        """Choose an option by its value."""
        self.act(selector, lambda node: Select(node).select_by_value(value))

    def select_text(self, selector: str, text: str) -> None:
        """Choose an option by the text that a person reads."""
        self.act(selector, lambda node: Select(node).select_by_visible_text(text))

    def press(self, *keys: str) -> None:
        """Type into whatever has the focus."""

        def pressed() -> bool:
            self.browser.switch_to.active_element.send_keys(*keys)
            return True

        self.wait(pressed)

    def value(self, selector: str) -> Any:
        return self.script("document.querySelector(arguments[0])?.value", selector)

    def shows(self, selector: str) -> bool:
        """Return whether an element is there and visible."""
        return self.script(
            "document.querySelector(arguments[0])?.checkVisibility() ?? false", selector
        )

    def text(self, selector: str) -> str:
        """Return the text that a person reads of an element, "" where there is none."""
        return self.script("document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector: str) -> list[str]:
        """Return the text of every such element, in the page's order."""
        return self.script(
            "[...document.querySelectorAll(arguments[0])].map(node => node.innerText.trim())",
            selector,
        )

    def told(self, selector: str, text: str) -> None:
        """Wait until an element says a text."""
        self.wait(lambda: text in self.text(selector))

    def loaded(self, selector: str) -> int:
        """Wait for a picture; return its width in pixels."""
        return self.wait(
            lambda: self.script("document.querySelector(arguments[0])?.naturalWidth", selector)
        )

    def errors(self) -> list[str]:
        """Return what the page logged since it was opened."""
        return [line["message"] for line in self.browser.get_log("browser")]
