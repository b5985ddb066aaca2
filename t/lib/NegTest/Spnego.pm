package NegTest::Spnego;

# SPNEGO tokens made by hand (RFC 4178): what no GSSAPI initiator would send.

use strict;
use warnings;

use Exporter 'import';

our @EXPORT_OK = qw(oid mech_list neg_token_init neg_token_resp parse_neg_token_resp der
  KRB5 SPNEGO NTLMSSP UNKNOWN);

use constant {
    SPNEGO  => '1.3.6.1.5.5.2',
    KRB5    => '1.2.840.113554.1.2.2',
    NTLMSSP => '1.3.6.1.4.1.311.2.2.10',
    UNKNOWN => '1.3.6.1.4.1.99999.1',
};

# NegTokenInit in its GSSAPI frame. Without a token the mechanisms are offered
# and nothing more, so that the acceptor must answer before it gets one.
sub neg_token_init {
    my (%opt) = @_;
    my $body = der(0xa0, mech_list(@{ $opt{mechs} || [KRB5] }));
    $body .= der(0xa2, der(0x04, $opt{token})) if defined $opt{token};
    $body .= der(0xa3, der(0x04, $opt{mic}))   if defined $opt{mic};
    return der(0x60, oid(SPNEGO) . der(0xa0, der(0x30, $body)));
}

# What a mechListMIC signs.
sub mech_list { return der(0x30, join '', map { oid($_) } @_) }

# A client's later leg: a bare NegTokenResp.
sub neg_token_resp {
    my (%opt) = @_;
    my $body = '';
    $body .= der(0xa0, der(0x0a, chr $opt{state})) if defined $opt{state};
    $body .= der(0xa1, oid($opt{mech}))            if defined $opt{mech};
    $body .= der(0xa2, der(0x04, $opt{token}))     if defined $opt{token};
    $body .= der(0xa3, der(0x04, $opt{mic}))       if defined $opt{mic};
    return der(0xa1, der(0x30, $body));
}

my @STATES = qw(accept-completed accept-incomplete reject request-mic);

# { state, mech, token, mic } of an acceptor's answer; undef if it is none.
sub parse_neg_token_resp {
    my ($bytes) = @_;
    my ($choice, $sequence) = _read_one(\$bytes);
    return if !defined $choice || $choice != 0xa1;
    my ($tag, $fields) = _read_one(\$sequence);
    return if !defined $tag || $tag != 0x30;
    my %answer;
    while (length $fields) {
        my ($field, $wrapped) = _read_one(\$fields);
        return if !defined $field;
        my (undef, $value) = _read_one(\$wrapped);
        return if !defined $value;
        $answer{state} = $STATES[ ord $value ] if $field == 0xa0;
        $answer{mech}  = _oid_text($value)     if $field == 0xa1;
        $answer{token} = $value                if $field == 0xa2;
        $answer{mic}   = $value                if $field == 0xa3;
    }
    return \%answer;
}

sub der {
    my ($tag, $content) = @_;
    my $length = length $content;
    return pack('CC', $tag, $length) . $content if $length < 0x80;
    my $bytes = pack 'N', $length;
    $bytes =~ s/^\0+//;
    return pack('CC', $tag, 0x80 | length $bytes) . $bytes . $content;
}

sub oid {
    my ($text) = @_;
    my ($first, $second, @rest) = split /\./, $text;
    return der(0x06, join '', map { _base128($_) } 40 * $first + $second, @rest);
}

sub _base128 {
    my ($number) = @_;
    my $bytes = chr($number & 0x7f);
    $bytes = chr(0x80 | ($number & 0x7f)) . $bytes while $number >>= 7;
    return $bytes;
}

sub _oid_text {
    my ($bytes) = @_;
    my ($number, @parts) = (0);
    for my $byte (unpack 'C*', $bytes) {
        $number = $number << 7 | $byte & 0x7f;
        next if $byte & 0x80;
        push @parts, @parts ? $number : (int $number / 40, $number % 40);
        $number = 0;
    }
    return join '.', @parts;
}

sub _read_one {
    my ($bytes) = @_;
    return if length $$bytes < 2;
    my ($tag, $length) = unpack 'CC', substr $$bytes, 0, 2, '';
    if ($length & 0x80) {
        my $size = $length & 0x7f;
        return if $size > 4 || length $$bytes < $size;
        $length = unpack 'N', substr "\0\0\0\0" . substr($$bytes, 0, $size, ''), -4;
    }
    return if length $$bytes < $length;
    return ($tag, substr $$bytes, 0, $length, '');
}

1;

__END__

=head1 NAME

NegTest::Spnego - hand-made SPNEGO tokens

=head1 SYNOPSIS

    use NegTest::Spnego qw(neg_token_init neg_token_resp parse_neg_token_resp
                           mech_list KRB5 NTLMSSP UNKNOWN);

    # two legs: offer krb5 without a token, then send the AP-REQ
    my $offer = neg_token_init(mechs => [KRB5]);
    my $ap    = neg_token_resp(token => $raw_krb5_token);

    # three legs: a first mechanism that nobody has, with a junk token; then
    # the AP-REQ; then the proof that nobody changed the list
    neg_token_init(mechs => [UNKNOWN, KRB5], token => 'junk');
    neg_token_resp(token => $krb5->step);
    $krb5->step(parse_neg_token_resp($r->token)->{token});
    neg_token_resp(mic => $krb5->mic(mech_list(UNKNOWN, KRB5)));

    my $answer = parse_neg_token_resp($response->token);
    $answer->{state};    # accept-completed, accept-incomplete, reject, request-mic
    $answer->{mech}; $answer->{token}; $answer->{mic};

=cut
