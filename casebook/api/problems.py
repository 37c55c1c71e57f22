"""Errors as a client reads them: RFC 9457 problem+json with one Chinese sentence to show to a person as it is."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from casebook.errors import CaseError

MEDIA_TYPE = "application/problem+json"

SENTENCES: dict[str, tuple[int, str]] = {
    "not_found": (404, "没有找到这条记录。"),
    "forbidden": (403, "您的岗位不能执行此操作。"),
    "guard": (422, "现在还不能这样办理。"),
    "stale_version": (409, "这条记录刚刚被别人改过。请看过最新内容后再提交；您已填写的文字都还在。"),
    "bad_state": (409, "这条记录的当前状态不允许这样操作，可能已经登记或作废。"),
    "held": (409, "这条留言正由别人审核，您现在只能查看；您已填写的文字都还在。"),
    "missing_reason": (422, "请填写理由。"),
    "bad_request": (400, "请求的格式不对。"),
    "invalid": (422, "提交的内容不完整或格式不对。"),
    "bad_value": (422, "提交的内容里有不能接受的值。"),
    "key_reused": (422, "同一个 Idempotency-Key 已用于别的操作，请换一个再提交。"),
    "not_signed_in": (401, "请先登录。"),
    "must_change_password": (403, "请先把一次性密码改成自己的密码。"),
    "name_taken": (409, "这个用户名已经有人使用。"),
    "refused_by_check": (422, "配置检查没有通过，文件没有改动。"),
    "bad_credentials": (401, "用户名或密码不对。"),
    "too_many_attempts": (429, "登录尝试太多，请稍后再试。"),
    "wrong_query": (404, "编号或查询码不对。"),
    "too_many_queries": (429, "输错次数太多，请稍后再试，或拨打 12345 由话务员查询。"),
    "too_many_demands": (429, "提交太频繁，请一小时后再试，或拨打 12345。"),
    "csrf": (403, "请求的来源不可信，已拒绝。请从控制台页面操作。"),
    "missing_idempotency_key": (400, "缺少有效的 Idempotency-Key 请求头（1 到 128 个可见字符）。"),
    "board_away": (404, "没有实时看板：没有配置消息服务（HOTLINE_REDIS_URL）。"),
    "bad_signature": (401, "签名不对，或请求已过期。"),
    "not_linked": (422, "没有约定由该平台发送这类消息。"),
    "recording_missing": (404, "没有找到这段录音。"),
    "too_large": (413, "提交的内容太大。"),
    "not_at_desk": (409, "您还没有签入话机。"),
    "no_call": (409, "话机上没有正在进行的通话。"),
    "closed": (409, "这条线路不存在，或现在不在服务时间。"),
    "pbx_away": (503, "电话系统暂时联系不上，请用话机操作或稍后再试。"),
    "server_error": (500, "服务器出错了，请稍后再试；您填写的内容没有提交成功。"),
}
"""Every code that the API answers with, its status and its sentence. Only the code is part of the contract."""


class FieldError(BaseModel):
    """One field that was refused."""

    field: str
    message: str


class ProblemBody(BaseModel):
    """The body of every error (RFC 9457); `code` is the stable word to program against."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = None


class Problem(Exception):
    """Raised by a handler to answer with an error; `code` is a key of SENTENCES."""

    def __init__(
        self, code: str, *, headers: dict[str, str] | None = None, errors: Sequence[FieldError] | None = None
    ) -> None:
        super().__init__(code)
        self.code = code
        self.headers = headers
        self.errors = errors


def problem_response(
    code: str, *, headers: dict[str, str] | None = None, errors: Sequence[FieldError] | None = None
) -> Response:
    """The response of a code; an unknown code reads as a server error."""
    status, detail = SENTENCES.get(code, SENTENCES["server_error"])
    return _response(status, code, detail, headers=headers, errors=errors)


def install(app: FastAPI) -> None:
    """Make every error of `app` a problem+json."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(CaseError, _on_case_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http_error)


def _response(
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: Sequence[FieldError] | None = None,
) -> Response:
    title = HTTPStatus(status).phrase
    body = ProblemBody(title=title, status=status, detail=detail, code=code, errors=list(errors) if errors else None)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE)


def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this class
    return problem_response(error.code, headers=error.headers, errors=error.errors)


def _on_case_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, CaseError)  # noqa: S101 - registered for this class
    if error.code in ("guard", "bad_value", "missing_reason", "forbidden"):
        # What stands in the way, in the words of whoever refused it; all of them are ours and name nobody.
        return _response(SENTENCES[error.code][0], error.code, str(error))
    return problem_response(error.code)


def _on_invalid(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    return problem_response("invalid", errors=[_field_error(item) for item in error.errors()])


def _field_error(item: Any) -> FieldError:
    # The refused value itself is left out: it may be a phone number or a password.
    place = [str(part) for part in item["loc"] if part not in ("body", "query", "path", "header")]
    return FieldError(field=".".join(place) or "body", message=_MESSAGES.get(item["type"], "格式不对"))


_MESSAGES = {
    "missing": "必须填写",
    "string_too_short": "必须填写",
    "string_too_long": "太长了",
    "json_invalid": "不是有效的 JSON",
    "value_error": "格式不对",
    "literal_error": "请选择其中一项",
    "timezone_aware": "时间必须带时区",
}


def _on_http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    codes = {400: "bad_request", 404: "not_found", 413: "too_large"}
    if error.status_code in codes:
        return problem_response(codes[error.status_code])
    sentences = {405: "这个地址不支持这种请求方法。", 416: "请求的音频范围不存在。"}
    detail = sentences.get(error.status_code, "请求没有完成。")
    headers = dict(error.headers) if error.headers else None
    return _response(error.status_code, "http_error", detail, headers=headers)
