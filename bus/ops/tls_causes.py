"""The causes for which a connection with TLS is refused: each with its code and what to do, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

FINE: Final = "fine"
UNREACHABLE: Final = "CB5001"
THEIRS, OURS, NOTHING_COMMON, NO_TLS = "CB2046", "CB2047", "CB2048", "CB2049"
NO_CERTIFICATE, SOMEBODY_ELSES, OVER, UNKNOWN_STATE, HANDSHAKE = "CB2041", "CB2042", "CB2043", "CB2044", "CB2045"


class Cause(NamedTuple):
    """A code of the error catalogue, the cause and its remedy."""

    code: str
    ja: str
    en: str
    remedy_ja: str
    remedy_en: str


CAUSES: Final[Mapping[str, Cause]] = MappingProxyType(
    {
        FINE: Cause("", "接続できます", "a connection is possible", "", ""),
        "unreachable": Cause(
            UNREACHABLE,
            "相手に接続できない",
            "nobody can be reached at this address",
            "名前解決・経路・相手の稼働・ポート番号を確認する。",
            "Check name resolution, the network, that the other side runs, and the port.",
        ),
        "no-tls": Cause(
            NO_TLS,
            "相手がこのポートで TLS を話さない",
            "the other side does not speak TLS at this port",
            "ポート番号と、相手の TLS の待受を確認する。途中の機器が切っていないかも確かめる。",
            "Check the port and the other side's TLS listener, and that nothing in between cuts the connection.",
        ),
        "nothing-common": Cause(
            NOTHING_COMMON,
            "共通の TLS の版・暗号がない",
            "no TLS version or cipher in common",
            "相手で TLS 1.2 以上と ECDHE・AES-GCM を有効にし、こちらの minimum も確かめる。",
            "Enable TLS 1.2 or later with ECDHE and AES-GCM at the other side; look at our own minimum, too.",
        ),
        "broken-off": Cause(
            UNREACHABLE,
            "ハンドシェイクの途中で相手が接続を切った",
            "the other side broke the handshake off",
            "相手の記録と、途中の機器（ファイアウォール・負荷分散装置）を確かめる。",
            "Look at the other side's log and at what is in between (firewalls, load balancers).",
        ),
        "unrecognized-name": Cause(
            NOTHING_COMMON,
            "相手はこの名前のサーバーを知らない（SNI）",
            "the other side serves no host of this name (SNI)",
            "接続先の名前を確かめるか、tls の server_name に相手の名前を書く。",
            "Check the name connected to, or state the other side's name as server_name of tls.",
        ),
        "unknown-issuer": Cause(
            THEIRS,
            "相手の証明書の発行者を信頼していない",
            "the other side's certificate leads to no authority trusted here",
            "発行した認証局の証明書を ca のファイルに加える。中間証明書は相手が送るように設定する。",
            "Add the issuing authority to the file of ca; intermediates are for the other side to send.",
        ),
        "expired": Cause(
            THEIRS,
            "相手の証明書の期限が切れている",
            "the other side's certificate has expired",
            "相手に更新を求める。この機械の時計が進んでいないかも確かめる。",
            "Ask for a renewed certificate; make sure that the clock of this machine is not fast.",
        ),
        "not-yet-valid": Cause(
            THEIRS,
            "相手の証明書はまだ有効でない",
            "the other side's certificate is not valid yet",
            "この機械の時計が遅れていないか確かめる。合っていれば相手に有効な証明書を求める。",
            "Make sure that the clock of this machine is not slow; otherwise ask for a certificate that is valid.",
        ),
        "issuer-dates": Cause(
            THEIRS,
            "中間証明書または認証局の証明書が期限内でない",
            "an intermediate or authority above the other side's certificate is out of its dates",
            "相手に新しい中間証明書を求めるか、ca のファイルの認証局を新しいものにする。",
            "Ask for a current intermediate, or renew the authority in the file of ca.",
        ),
        "wrong-name": Cause(
            THEIRS,
            "相手の証明書の名前が接続先と違う",
            "the other side's certificate is for another name",
            "接続先の名前を証明書の名前に合わせるか、tls の server_name に書く。",
            "Connect by a name of the certificate, or state it as server_name of tls.",
        ),
        "wrong-usage": Cause(
            THEIRS,
            "相手の証明書はサーバー用でない",
            "the other side's certificate is not meant for servers",
            "拡張鍵用途 serverAuth の証明書を発行してもらう。",
            "Have one issued with the extended key usage serverAuth.",
        ),
        "weak": Cause(
            THEIRS,
            "相手の証明書の鍵または署名が弱い",
            "key or signature of the other side's certificate is too weak",
            "RSA 2048 ビット以上または EC P-256、SHA-256 の証明書を求める。",
            "Ask for RSA of 2048 bits or more, or EC P-256, signed with SHA-256.",
        ),
        "revoked": Cause(
            THEIRS,
            "相手の証明書は失効している",
            "the other side's certificate is revoked",
            "相手に新しい証明書を求める。事情を確かめるまで送らない。",
            "Ask for a new certificate; send nothing before knowing why.",
        ),
        "revocation-unknown": Cause(
            THEIRS,
            "相手の証明書の失効状態が分からない",
            "it is not known whether the other side's certificate is revoked",
            "新しい失効リスト（CRL）に置き換える。",
            "Replace the revocation list (CRL) by a current one.",
        ),
        "no-client-certificate": Cause(
            OURS,
            "相手はクライアント証明書を求めているが、設定されていない",
            "the other side asks for a client certificate and none is configured",
            "[delivery.tls] または endpoint の tls に certificate と key を書く。",
            "State certificate and key in [delivery.tls] or in tls of the endpoint.",
        ),
        "client-dates": Cause(
            OURS,
            "こちらのクライアント証明書が期限内でない",
            "our client certificate is out of its dates",
            "新しい証明書に置き換える。まだ有効でないなら、この機械の時計も確かめる。",
            "Replace it by a current one; where it is not valid yet, look at the clock of this machine, too.",
        ),
        "client-unknown-issuer": Cause(
            OURS,
            "こちらのクライアント証明書の発行者を相手が信頼していない",
            "the other side does not trust the issuer of our client certificate",
            "相手が挙げた認証局の証明書を使うか、登録してもらう。中間証明書は certificate のファイルに続けて書く。",
            "Use an authority that the other side names, or have ours registered; put intermediates behind it.",
        ),
        "client-refused": Cause(
            OURS,
            "こちらのクライアント証明書を相手が拒否した",
            "the other side refused our client certificate",
            "相手への登録・失効・用途（clientAuth）を相手に確かめる。",
            "Ask the other side about its registration, revocation and purpose (clientAuth).",
        ),
        "caller-none": Cause(
            NO_CERTIFICATE,
            "この接続元には証明書が必要だが、提示がない",
            "this endpoint has to show a certificate and shows none",
            "接続元のプログラムに登録済みのクライアント証明書を設定する。",
            "Have the caller's program show the client certificate that is registered.",
        ),
        "caller-none-at-all": Cause(
            HANDSHAKE,
            "この待受はクライアント証明書を必須とし、提示がなければハンドシェイクが終わらない",
            "the listener requires client certificates: without one no handshake ends well",
            "接続元に証明書を設定するか、[front.tls] の client_certificates を optional にする。",
            "Have the caller show one, or set client_certificates of [front.tls] to optional.",
        ),
        "caller-unknown-issuer": Cause(
            HANDSHAKE,
            "接続元の証明書の発行者が client_ca にない",
            "the caller's certificate leads to no authority of client_ca",
            "発行した認証局を client_ca のファイルに加える。中間証明書は接続元が送るように設定する。",
            "Add the issuing authority to the file of client_ca; intermediates are for the caller to send.",
        ),
        "caller-expired": Cause(
            HANDSHAKE,
            "接続元の証明書の期限が切れている",
            "the caller's certificate has expired",
            "接続元に更新を求める。この機械の時計が進んでいないかも確かめる。",
            "Ask for a renewed certificate; make sure that the clock of this machine is not fast.",
        ),
        "caller-not-yet-valid": Cause(
            HANDSHAKE,
            "接続元の証明書はまだ有効でない",
            "the caller's certificate is not valid yet",
            "この機械の時計が遅れていないか確かめる。合っていれば期間の始まりを待つ。",
            "Make sure that the clock of this machine is not slow; otherwise wait for it to begin.",
        ),
        "caller-wrong-usage": Cause(
            HANDSHAKE,
            "接続元の証明書はクライアント用でない",
            "the caller's certificate is not meant for clients",
            "拡張鍵用途 clientAuth の証明書を発行してもらう。",
            "Have one issued with the extended key usage clientAuth.",
        ),
        "caller-weak": Cause(
            HANDSHAKE,
            "接続元の証明書の鍵または署名が弱い",
            "key or signature of the caller's certificate is too weak",
            "RSA 2048 ビット以上または EC P-256、SHA-256 の証明書を求める。",
            "Ask for RSA of 2048 bits or more, or EC P-256, signed with SHA-256.",
        ),
        "caller-somebody-else": Cause(
            SOMEBODY_ELSES,
            "この証明書はこの接続元のものとして登録されていない",
            "the certificate is not registered as this endpoint's",
            "endpoints.toml の caller.certificates に加えるか、接続元に正しい証明書を使ってもらう。",
            "Add it to caller.certificates of endpoints.toml, or have the caller use the right one.",
        ),
        "caller-revoked": Cause(
            OVER,
            "接続元の証明書は失効している",
            "the caller's certificate is revoked",
            "接続元に新しい証明書を求める。事情を確かめるまで受け入れない。",
            "Ask for a new certificate; let nobody in before knowing why.",
        ),
        "caller-revocation-unknown": Cause(
            UNKNOWN_STATE,
            "接続元の証明書の失効状態が分からない",
            "it is not known whether the caller's certificate is revoked",
            "[front.tls] の crl を新しい失効リストに置き換えて SIGHUP。",
            "Replace the lists of crl in [front.tls] by current ones and send SIGHUP.",
        ),
    }
)
