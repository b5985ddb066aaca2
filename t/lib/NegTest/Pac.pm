package NegTest::Pac;

# A PAC's logon information and user principal name, as an Active Directory
# writes them (MS-PAC 2.5, 2.10) or as nobody should, and tickets that have them.

use strict;
use warnings;

use Encode ();
use Exporter 'import';
use NegTest::Process 'run_ok';

our @EXPORT_OK = qw(logon_info upn_dns_info mint);

use constant { LOGON_INFO => 1, UPN_DNS_INFO => 12 };
use constant { ENABLED => 7, DENY_ONLY => 0x10, EXTRA_SIDS => 0x20, RESOURCE_GROUPS => 0x200 };

my $DOMAIN = 'S-1-5-21-1-2-3';

# Groups are RIDs, or [RID, attributes]; extra SIDs are SIDs, or [SID, attributes].
sub logon_info {
    my (%opt) = (account => 'alice', user => 1001, primary => 513, groups => [513], domain => $DOMAIN, @_);
    my @extra    = map { ref $_ ? $_ : [ $_, ENABLED ] } @{ $opt{extra} || [] };
    my @resource = map { ref $_ ? $_ : [ $_, ENABLED ] } @{ $opt{resource} || [] };
    my @groups   = map { ref $_ ? $_ : [ $_, ENABLED ] } @{ $opt{groups} };
    my $flags    = defined $opt{flags} ? $opt{flags}
      : ($opt{guest} ? 1 : 0) | (@extra ? EXTRA_SIDS : 0) | (@resource ? RESOURCE_GROUPS : 0);
    my @names    = map { [ _utf16($_) ] } $opt{account}, 'A Name', '', '', '', '';
    my $pointers = 0x20000;
    my $pointer  = sub { return $_[0] ? $pointers += 4 : 0 };
    my $string   = sub { my ($text) = @_; return pack 'vvV', length $text, length $text, $pointer->(1) };

    my $fixed = "\xff" x 48 . join '', map { $string->(@$_) } @names;
    $fixed .= pack 'vv VV VV V', 1, 0, $opt{user}, $opt{primary}, scalar @groups, $pointer->(@groups || $opt{empty_array}), $flags;
    $fixed .= "\0" x 16 . $string->(_utf16('DC1')) . $string->(_utf16('AD'));
    $fixed .= pack('V', $pointer->(defined $opt{domain})) . "\0" x 40;
    $fixed .= pack 'VV V VV', scalar @extra, $pointer->(scalar @extra), $pointer->(defined $opt{resource_domain}),
      scalar @resource, $pointer->(scalar @resource);

    my $rest = '';
    my $put  = sub { $rest .= "\0" x (-length($rest) & 3) . $_[0] };
    $put->(_text(@$_)) for @names;
    $put->(_groups(@groups)) if @groups || $opt{empty_array};
    $put->(_text(_utf16($_))) for 'DC1', 'AD';
    $put->(_sid($opt{domain})) if defined $opt{domain};
    if (@extra) {
        $put->(pack('V', scalar @extra) . join '', map { pack 'VV', $pointer->(1), $_->[1] } @extra);
        $put->(_sid($_->[0])) for @extra;
    }
    $put->(_sid($opt{resource_domain})) if defined $opt{resource_domain};
    $put->(_groups(@resource)) if @resource;

    my $body = pack('V', 0x20000) . $fixed . $rest;
    $body .= "\0" x (-length($body) & 7);
    return pack('CCvV VV', 1, 0x10, 8, 0xcccccccc, length $body, 0) . $body;
}

sub upn_dns_info {
    my (%opt) = (upn => 'alice@ad.example.test', domain => 'AD.EXAMPLE.TEST', flags => 0, @_);
    my @parts = map { _utf16($_) } $opt{upn}, $opt{domain};
    push @parts, _utf16($opt{account}), _flat_sid($opt{sid}) if $opt{flags} & 2;
    my $head   = 12 + ($opt{flags} & 2 ? 12 : 0);
    my ($heads, $texts) = ('', '');
    for my $part (@parts) {
        $heads .= pack 'V', $opt{flags} if @parts > 2 && length $heads == 8;
        $heads .= pack 'vv', length $part, $head + length $texts;
        $texts .= $part . "\0" x (-length($part) & 7);
    }
    $heads .= pack 'V', $opt{flags} if @parts == 2;
    return $heads . "\0" x ($head - length $heads) . $texts;
}

# A ccache with a ticket that has these buffers: mint(ccache => 'FILE:/x', keytab => $file,
# service => 'HTTP/localhost@R', client => 'alice@R', 1 => $bytes, sign => 'random', ...)
my $files = 0;

sub mint {
    my (%opt) = @_;
    my ($ccache, $keytab, $service, $client) = delete @opt{qw(ccache keytab service client)};
    my ($dir) = $ccache =~ m{^FILE:(.*)/};
    my @words;
    for my $word (sort keys %opt) {
        my $value = $opt{$word};
        if ($word =~ /^\d+$/) {
            my $file = "$dir/buffer-$$-" . $files++;
            open my $out, '>:raw', $file or die "$file: $!\n";
            print $out $value;
            close $out;
            $value = $file;
        }
        push @words, "$word=$value";
    }
    my $mint = $ENV{NEG_MINT} || die "start tests with t/TEST\n";
    run_ok([ $mint, "FILE:$keytab", $service, $client, $ccache, @words ]);
    return $ccache;
}

# --- the pieces --------------------------------------------------------------

# Bytes of a string are taken as they are if they are in a reference.
sub _utf16 { my ($text) = @_; return ref $text ? $$text : Encode::encode('UTF-16LE', $text) }
sub _text  { my ($text) = @_; return pack('VVV', length($text) / 2, 0, length($text) / 2) . $text }

sub _groups { return pack 'V(VV)*', scalar @_, map { @$_ } @_ }

sub _flat_sid {
    my ($authority, @subs) = $_[0] =~ /^S-1-(\d+)-(.*)$/ ? ($1, split /-/, $2) : die "no SID: $_[0]\n";
    return pack 'CC nN V*', 1, scalar @subs, $authority >> 32, $authority & 0xffffffff, @subs;
}

sub _sid {
    my ($sid) = @_;
    my $subs = () = $sid =~ /-/g;
    return pack('V', $subs - 2) . _flat_sid($sid);
}

1;

__END__

=head1 NAME

NegTest::Pac - PACs that no KDC at hand issues

=head1 SYNOPSIS

    use NegTest::Pac qw(logon_info upn_dns_info mint);
    my $bytes = logon_info(account => 'alice', user => 1001, domain => 'S-1-5-21-1-2-3',
        primary => 513, groups => [ 513, [ 1200, NegTest::Pac::DENY_ONLY ] ],
        extra => [ 'S-1-5-21-7-8-9-1300' ], guest => 1,
        resource_domain => 'S-1-5-21-4-5-6', resource => [1400], flags => $of_user_flags);
    my $upn = upn_dns_info(upn => 'alice@example.test', flags => 2, account => 'alice', sid => ...);
    my $ccache = mint(ccache => 'FILE:/x', keytab => keytab(), client => 'alice@EXAMPLE.TEST',
        service => 'HTTP/localhost@EXAMPLE.TEST', 1 => $bytes, 12 => $upn,
        'pac-client' => 'bob@EXAMPLE.TEST', sign => 'random', damage => -1);

=cut
